// The one way to the server: JSON under /api/v1, errors as one line with the remedy.
import { texts } from "./texts";

const ROOT = "/api/v1";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/** The address of something that the browser loads by itself: sound, a picture, a download. */
export function address(path: string, query: Query = {}): string {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") words.set(key, String(value));
  }
  const text = words.toString();
  return `${ROOT}${path}${text ? `?${text}` : ""}`;
}

export const get = <T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> =>
  request<T>(address(path, query), signal ? { signal } : {});

export const post = <T>(path: string, body: object = {}): Promise<T> =>
  request<T>(address(path), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export const remove = <T>(path: string): Promise<T> => request<T>(address(path), { method: "DELETE" });

export const send = <T>(path: string, form: FormData): Promise<T> =>
  request<T>(address(path), { method: "POST", body: form });

async function request<T>(url: string, options: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, texts.errors.noServer);
  }
  const text = await answer.text();
  if (answer.ok) return (text ? JSON.parse(text) : undefined) as T;
  if (answer.status === 401) throw new ApiError(401, texts.errors.signedOut);
  throw new ApiError(answer.status, detailOf(text) || texts.errors.status(answer.status));
}

function detailOf(text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    if (typeof detail === "string") return detail;
    if (Array.isArray(detail)) return detail.map((one: { msg?: string }) => one.msg ?? "").join("; ");
  } catch {
    // Not JSON: the answer of a proxy, or a crash. The status is shown instead.
  }
  return "";
}
