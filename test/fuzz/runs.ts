/** The number of runs of a property test: few in `npm test`, and as many as `npm run fuzz` sets, with its seed. */

const { FUZZ_RUNS, FUZZ_SEED } = process.env

/** `brief`: the runs in `npm test`. `times`: the runs in `npm run fuzz` for each run of a program on a database. */
export function runs(brief: number, times = 1): { readonly numRuns: number; readonly seed?: number } {
  const numRuns = FUZZ_RUNS === undefined ? brief : Math.max(1, Math.round(Number(FUZZ_RUNS) * times))
  return FUZZ_SEED === undefined ? { numRuns } : { numRuns, seed: Number(FUZZ_SEED) }
}
