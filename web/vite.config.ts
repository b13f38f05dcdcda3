// Builds the page into the Python package. The server puts its nonce in place of `__NONCE__`.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { defineConfig, type Plugin } from "vite";

const here = import.meta.dirname;
const SOURCES = ["index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"];

// tests/web/test_page_files.py counts the same way: a build older than its sources is found out.
function digestOfSources(): string {
  const inner = readdirSync(join(here, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(here, join(entry.parentPath, entry.name)).split(sep).join("/"));
  const digest = createHash("sha256");
  for (const name of [...SOURCES, ...inner].sort()) {
    digest.update(`${name}\0`).update(readFileSync(join(here, name))).update("\0");
  }
  return digest.digest("hex");
}

const sayWhatItWasBuiltFrom: Plugin = {
  name: "say-what-it-was-built-from",
  generateBundle() {
    const source = `${JSON.stringify({ sha256: digestOfSources() })}\n`;
    this.emitFile({ type: "asset", fileName: "sources.json", source });
  },
};

export default defineConfig({
  base: "./",
  html: { cspNonce: "__NONCE__" },
  plugins: [sayWhatItWasBuiltFrom],
  build: {
    outDir: "../src/singerid/web/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    license: { fileName: "licences.md" },
  },
});
