/** A Markdown table. Bars in cells are escaped, line ends become blanks. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ")).join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}

/** A text as code; empty stays empty. */
export function code(text: string | null | undefined): string {
  return text ? `\`${text.replaceAll(/\s*\n\s*/g, " ")}\`` : "";
}

/** The first lines of a generated page: who writes it, and how it is renewed. */
export function generatedHead(title: string, source: string): string {
  return `# ${title}\n\nWritten by \`npm run accept\` from ${source}; a test fails when it is out of date.\n`;
}
