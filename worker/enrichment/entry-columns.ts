import type { EntryField } from "../blocks/block.ts";

/** The column of lists.list_entries that holds a field. */
export function columnOf(field: EntryField): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The type of a field's column, as far as it travels as JSON. */
export function typeOf(field: EntryField): "boolean" | "text" {
  return field.startsWith("is") ? "boolean" : "text";
}
