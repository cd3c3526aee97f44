import { configDefaults, defineConfig } from 'vitest/config'
import { quietly } from './test/child-program.ts'
import { isMissing } from './test/emulators/start.ts'
import { stores } from './test/stores.ts'

// Tests run the sources: the package's own subpaths resolve to `src` by this condition.
const conditions = ['@eventsourced/source']

// What is about the server itself is left out with it, when STORES names no store that runs there.
const aboutPostgres = ['test/postgres/**', 'test/documents.test.ts', 'test/cutting-proxy.test.ts']
const aboutDynamo = ['test/dynamodb/**']
// What kills, cuts off and crashes takes long, and has commands of its own: `npm run test:faults`, `npm run test:torture`.
const long =
  process.env.LONG === undefined ? ['test/faults/**', 'test/torture/{campaigns,breakages}.test.ts'] : []
const leftOut = [
  ...(stores.some(({ server }) => server === 'postgres') ? [] : aboutPostgres),
  ...(stores.some(({ emulator }) => emulator && isMissing(emulator) === undefined) ? [] : aboutDynamo),
]
if (leftOut.length > 0) console.log(`left out, as no store runs that they are about: ${leftOut.join(', ')}`)

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...long, ...leftOut],
    globalSetup: ['test/postgres-servers.ts'],
    reporters: ['default', './test/skip-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    maxWorkers: 2,
    execArgv: quietly,
  },
})
