import { auditValues } from "./audit.ts";
import { crmValues } from "./crm.ts";
import { eventsValues } from "./events.ts";
import { iamValues } from "./iam.ts";
import { inboxValues } from "./inbox.ts";
import { listsValues } from "./lists.ts";
import { outreachAutomationValues } from "./outreach-automation.ts";
import { outreachMessagingValues } from "./outreach-messaging.ts";
import { pipelineValues } from "./pipeline.ts";
import { trackingValues } from "./tracking.ts";
import type { SpecialValues } from "./special-values.ts";

/** The special values of every schema. */
export const specialValues: SpecialValues = {
  ...auditValues,
  ...crmValues,
  ...eventsValues,
  ...iamValues,
  ...inboxValues,
  ...listsValues,
  ...outreachAutomationValues,
  ...outreachMessagingValues,
  ...pipelineValues,
  ...trackingValues,
};
