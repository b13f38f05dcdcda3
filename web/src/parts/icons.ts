// Small line icons. They only repeat what the text beside them says, so they are hidden from screen readers.
const PATHS = {
  songs: "M4 10v4M8 6v12M12 9v6M16 4v16M20 10v4",
  singers: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c1-4 4-5.5 7.500-5.500s6.500 1.500 7.500 5.500",
  review: "M5 5h14v11H11l-4 4v-4H5zM9.500 9.500a2.500 2 0 1 1 2.500 2.200",
  voices: "M7 9a2.500 2.500 0 1 0 0-.01M16 7.500a2 2 0 1 0 0-.01M15 17a3 3 0 1 0 0-.01M6.500 17.500a1.500 1.500 0 1 0 0-.01",
  trust: "M12 3.500 19 6v5.500c0 4.500-3 7.500-7 9-4-1.500-7-4.500-7-9V6zM9 12l2.200 2.200L15.500 9.800",
  undo: "M8 5 4 9l4 4M4 9h10a5.500 5.500 0 0 1 0 11h-3",
  again: "M19 12a7 7 0 1 1-2.200-5.100M17.500 3v4.500H13",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM15.500 15.500 20 20",
  download: "M12 4v11M7.500 10.500 12 15l4.500-4.500M5 20h14",
  tag: "M4 4h8l8 8-8 8-8-8zM8.500 8.500v.01",
  folder: "M3.500 6h6l2 2.500h9V19h-17z",
  back: "M14 5l-7 7 7 7",
  warn: "M12 4 21 20H3zM12 10v4.500M12 17.200v.01",
  gone: "M6 18 18 6",
  check: "M5 12.500 10 17.500 19 7",
} as const;

const FILLED = { play: "M7 4.500v15l13-7.500z", pause: "M6.500 5h4v14h-4zM13.500 5h4v14h-4z" } as const;

export type IconName = keyof typeof PATHS | keyof typeof FILLED;

export function icon(name: IconName): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", name in FILLED ? "icon filled" : "icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", { ...PATHS, ...FILLED }[name]);
  drawing.append(path);
  return drawing;
}
