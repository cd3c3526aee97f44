/** Fuzzes all stores for longer than `npm test` does: the same properties, more often, with a seed to do it again. */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const usage = `Usage: npm run fuzz -- [options]

  --runs N         programs on each database [1000]; without one, what is cheaper is run up to twenty times as often
  --seed N         the seed of an earlier run, to do the same again [a new one]
  --stores NAMES   which stores, as STORES of npm test has them [all of npm test]
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
// A test takes as long as it takes.
const patiently = ['--testTimeout', '0', '--hookTimeout', '600000', '--reporter', 'verbose']
const chosen = only === undefined ? [] : ['-t', only]
const { status } = spawnSync('npx', [...vitest, ...patiently, ...chosen], {
  stdio: 'inherit',
  env: { ...process.env, FUZZ_RUNS: runs, FUZZ_SEED: seed, STORES: stores },
})
console.log(`seed ${seed}: npm run fuzz -- --runs ${runs} --seed ${seed}${stores && ` --stores ${stores}`}`)
process.exitCode = status ?? 1
