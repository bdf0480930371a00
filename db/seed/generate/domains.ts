import { seedAccess } from "./access.ts";
import { seedCrm } from "./crm.ts";
import { seedInbox } from "./inbox.ts";
import { seedListGroups } from "./list-groups.ts";
import { seedLists } from "./lists.ts";
import { seedAutomation } from "./outreach-automation.ts";
import { seedOutreach } from "./outreach.ts";
import { seedPipeline } from "./pipeline.ts";
import type { TenantSeed } from "./tenant-seed.ts";
import { seedTracking } from "./tracking.ts";

/** What fills a tenant, in an order in which each finds what it refers to. */
export const domains: readonly ((seed: TenantSeed) => Promise<void>)[] = [
  seedAccess,
  seedPipeline,
  seedCrm,
  seedLists,
  seedListGroups,
  seedOutreach,
  seedAutomation,
  seedInbox,
  seedTracking,
];
