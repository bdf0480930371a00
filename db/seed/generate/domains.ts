import { seedLists } from "./lists.ts";
import { seedPipeline } from "./pipeline.ts";
import type { TenantSeed } from "./tenant-seed.ts";

/** What fills a tenant, in an order in which each finds what it refers to. */
export const domains: readonly ((seed: TenantSeed) => Promise<void>)[] = [seedPipeline, seedLists];
