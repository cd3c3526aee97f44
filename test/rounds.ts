/** How long the tests of faults take: `ROUNDS=20 npm run test:faults -- failover` does twenty times as much. */
export const rounds = Number(process.env.ROUNDS ?? 1)
