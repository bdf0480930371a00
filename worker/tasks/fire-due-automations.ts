import { fireDueAutomations as fireDue } from "../automations/fire-due-automations.ts";
import { defineMaintenance } from "../define-task.ts";

/** Fires the automations whose scheduled time has come. */
export const fireDueAutomations = defineMaintenance("fire_due_automations", async ({ pool, log, signal }) => {
  const fired = await fireDue(pool, log, new Date(), signal);
  if (fired > 0) log.info({ fired }, "fired scheduled automations");
});
