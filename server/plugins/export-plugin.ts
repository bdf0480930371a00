import { lambda } from "postgraphile/grafast";
import { extendSchema, gql, wrapPlans } from "postgraphile/utils";
import type { Config } from "../../lib/config.ts";
import { compileEntryFilter } from "../../lib/entry-filter.ts";
import { signLink } from "../../lib/signed-link.ts";
import { decodeTypeId } from "../../lib/type-id.ts";
import { refuseMasked } from "../auth/refuse-masked.ts";
import { currentSession } from "../http/request-scope.ts";

const typeDefs = gql`
  extend type ExportFile {
    """
    Where the file can be downloaded, without a token: the link is signed, and ends after an hour or as the file does.
    Ask again for a fresh one.
    """
    downloadUrl: String!
  }
`;

/** `ExportFile.downloadUrl`, and a look at the filter of `startExport` before anything is queued. */
export function exportPreset(config: Config): GraphileConfig.Preset {
  const link = ([id, fileEnd]: readonly [string, string]): string => {
    const session = currentSession();
    refuseMasked(session, "The file of an export holds");
    const { tenantId } = session;
    const fileId = decodeTypeId("file", id);
    const end = Math.min(Date.now() + config.exportLinkMinutes * 60_000, new Date(fileEnd).getTime());
    return `${config.publicUrl}${signLink(config.secret, { tenantId: tenantId!, fileId }, new Date(end))}`;
  };
  return {
    plugins: [
      extendSchema({
        typeDefs,
        objects: {
          ExportFile: {
            plans: {
              downloadUrl: ($file: any) => lambda([$file.get("id"), $file.get("expires_at")] as any, link as any),
            },
          },
        },
      } as any),
      wrapPlans({
        Mutation: {
          startExport(plan: any, _$source: any, { $input }: any) {
            // The file is written later by the worker: a filter it could not read is refused now.
            const $checked = lambda($input.get("filter"), (filter: unknown) => compileEntryFilter(filter, "e")) as any;
            $checked.hasSideEffects = true;
            return plan();
          },
        },
      } as any),
    ],
  };
}
