import { addressBlock } from "./address.ts";
import type { Block } from "./block.ts";
import { emailBlock } from "./email.ts";
import { nameBlock } from "./name.ts";
import { phoneBlock } from "./phone.ts";

/** The blocks that a step of an enrichment plan can name. */
export const blocks = {
  phone: phoneBlock,
  email: emailBlock,
  name: nameBlock,
  address: addressBlock,
} as const;

/** The name of a block. */
export type BlockName = keyof typeof blocks;

/** Whether a text names a block. */
export function isBlockName(name: string): name is BlockName {
  return Object.hasOwn(blocks, name);
}

/** A block with its checked configuration, ready to be run on any number of entries. */
export interface PreparedBlock {
  readonly name: BlockName;
  readonly reads: Block["reads"];
  readonly writes: Block["writes"];
  run(entry: Parameters<Block["run"]>[0]): ReturnType<Block["run"]>;
}

/**
 * Checks a step's configuration once, so that running the step costs nothing but the block. Throws an error that names the
 * block and what is wrong when there is no such block or the configuration does not fit.
 */
export function prepareBlock(name: string, config: unknown): PreparedBlock {
  if (!isBlockName(name)) {
    throw new Error(`There is no block “${name}”; the blocks are ${Object.keys(blocks).join(", ")}.`);
  }
  const block = blocks[name] as unknown as Block;
  const parsed = block.config.safeParse(config ?? {});
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => [issue.path.join("."), issue.message].filter(Boolean).join(": "));
    throw new Error(`The configuration of the step “${name}” does not fit: ${faults.join(" ")}`);
  }
  return { name, reads: block.reads, writes: block.writes, run: (entry) => block.run(entry, parsed.data) };
}
