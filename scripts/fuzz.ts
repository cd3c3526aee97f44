/** Fuzzes all stores for longer than `npm test` does: the same properties, more often, with a seed to repeat the run. */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const usage = `Usage: npm run fuzz -- [options]

  --runs N         random programs for each database [1000]; tests without a database run up to twenty times as many
  --seed N         the seed of an earlier run, to repeat it [a new seed]
  --stores NAMES   the stores, named as in STORES of npm test [all stores of npm test]
  --only TEXT      only the tests with this in their name
  --help           this text`

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    stores: { type: 'string', default: process.env.STORES ?? '' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
const { runs, seed, stores, only, help } = values
const isWhole = (text: string) => /^-?\d+$/.test(text)
if (help || !isWhole(runs) || !isWhole(seed)) {
  console.log(usage)
  process.exit(help ? 0 : 2)
}

console.log(`fuzzing: ${runs} runs, seed ${seed}, stores ${stores || 'all'}, on ${new Date().toISOString()}`)
const vitest = [
  'vitest',
  'run',
  '--configLoader',
  'runner',
  'test/fuzz/',
  'test/input.test.ts',
  'test/properties.test.ts',
]
// The time of a test depends on --runs, so there is no limit.
const withoutTimeout = ['--testTimeout', '0', '--hookTimeout', '600000', '--reporter', 'verbose']
const chosen = only === undefined ? [] : ['-t', only]
const { status } = spawnSync('npx', [...vitest, ...withoutTimeout, ...chosen], {
  stdio: 'inherit',
  env: { ...process.env, FUZZ_RUNS: runs, FUZZ_SEED: seed, STORES: stores },
})
console.log(`seed ${seed}: npm run fuzz -- --runs ${runs} --seed ${seed}${stores && ` --stores ${stores}`}`)
process.exitCode = status ?? 1
