"""Add files from outside docs/ to the site: notebooks, examples, CONTRIBUTING and the like (mkdocs.yml)."""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

# A script that the theme's plugin `offline` adds to each page.
_ELSEWHERE = "https://unpkg.com/iframe-worker/shim"
_PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages and files from beside docs/, as if they were in it."""
    root = Path(config.config_file_path).parent
    for name in _PAGES:
        files.append(File.generated(config, name, abs_src_path=str(root / name)))
    for path in sorted((root / "examples").glob("*.sh")):
        files.append(File.generated(config, f"examples/{path.name}", abs_src_path=str(path)))
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.name}", abs_src_path=str(path)))
        page = as_page(json.loads(path.read_text(encoding="utf-8")), path.name)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Change links to files beside docs/ so that they lead to their place on the site."""
    if page.file.src_uri in _PAGES:
        return re.sub(r"\]\(docs/", "](", markdown)
    return re.sub(r"\]\(\.\./(?=examples/|notebooks/|[A-Z])", "](", markdown)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Let a page load from the site itself what the theme would load from elsewhere."""
    return output.replace(_ELSEWHERE, get_relative_url("search-from-disk.js", page.url))


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """As `on_post_page`, for the "not found" page, which may be shown for any address."""
    return re.sub(rf'<script src="{re.escape(_ELSEWHERE)}"></script>', "", output_content)


def as_page(notebook: dict[str, Any], name: str) -> str:
    """A notebook as Markdown: its text, and its code without the output."""
    cells = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cells.append(re.sub(r"\]\(\.\./docs/", "](../", text))
        elif text:
            cells.append(f"```python\n{text}\n```")
    title, *rest = cells
    return "\n\n".join([title, f"[The notebook itself]({name})", *rest, ""])
