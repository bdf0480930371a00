/**
 * Settings of servers whose tests are not about rates: all requests come from one address, faster than anybody clicks,
 * and one tenant after the other keeps the database busy.
 */
export const noRates = {
  ROWHOUSE_REQUESTS_PER_MINUTE: "0",
  ROWHOUSE_ADDRESS_REQUESTS_PER_MINUTE: "0",
  ROWHOUSE_TENANT_DATABASE_SECONDS: "0",
};
