/** The number of rounds of each fault test. `ROUNDS=20 LONG=yes STORES=pg npm test -- failover` runs twenty rounds in place of one. */
export const rounds = Number(process.env.ROUNDS ?? 1)
