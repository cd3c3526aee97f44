/** How often properties are tried: briefly in `npm test`, and as often as `npm run fuzz` says, with its seed. */

const { FUZZ_RUNS, FUZZ_SEED } = process.env

/** `brief`: how often in `npm test`. `times`: how often in place of one program on a database. */
export function runs(brief: number, times = 1): { readonly numRuns: number; readonly seed?: number } {
  const numRuns = FUZZ_RUNS === undefined ? brief : Math.max(1, Math.round(Number(FUZZ_RUNS) * times))
  return FUZZ_SEED === undefined ? { numRuns } : { numRuns, seed: Number(FUZZ_SEED) }
}
