import { existsSync } from 'node:fs'
import { configDefaults, defineConfig } from 'vitest/config'
import { quietly } from './test/child-program.ts'
import { isMissing } from './test/emulators/start.ts'
import type { PostgresServer } from './test/store-under-test.ts'
import { stores } from './test/stores.ts'

// With this condition, the package's own subpaths resolve to `src`, so tests run the sources.
const conditions = ['@eventsourced/source']

// These tests need a server, a pooler or an emulator. They are left out if STORES names no store that runs there.
const runsOn = (server: PostgresServer) => stores.some((store) => store.server === server)
// With stores on Postgres 14 only, these tests run on that server.
const alsoOn14 = 'append-plans|monitoring|partitions|plans|rare-events|table-format'
const postgresTests = [
  runsOn('postgres14') ? `test/postgres/!(${alsoOn14}).test.ts` : 'test/postgres/**',
  'test/package/**',
  'test/documents.test.ts',
  'test/cutting-proxy.test.ts',
  'test/orms/**',
  'packages/nestjs/test/processes.test.ts',
  'packages/cli/test/console/browser/**',
]
const poolerTests = ['test/pooler/**']
const dynamodbTests = ['test/dynamodb/**']
const severalProcessTests = ['test/releases/**']
// These tests take long. They have their own commands: `npm run test:faults`, `npm run test:torture` and `npm run test:runtimes`.
const longTests =
  process.env.LONG === undefined
    ? [
        'test/{faults,takeover,releases}/**',
        'test/subscription/stories.test.ts',
        'test/postgres/{frontier,held-streams,rare-events,shared-schema,feed-load}.test.ts',
        'test/torture/{campaigns,breakages}.test.ts',
        'test/dynamodb/simulated/mistakes.test.ts',
        'test/runtimes/**',
        'test/react/**',
        'packages/cli/test/console/{browser/**,demo.test.ts}',
        'packages/nestjs/test/processes.test.ts',
        'test/live/sse-cuts.test.ts',
      ]
    : []
// It needs no emulator, so it need not run again for another one.
const dynoxideTests = ['test/dynamodb/simulated/mistakes.test.ts']
// What stands on a store: `npm run test:application`.
const applicationTests = [
  'test/{http,health,prometheus,otel,live}/**',
  'packages/**',
  'test/{documents,examples-hotel}.test.ts',
]
// Types, the package and the tools of the repository: `npm run test:repository`.
const repositoryTests = [
  'test/{types,package,bench}/**',
  'test/{checks,changelog-section,workflows,sql-revision}.test.ts',
]
// These groups have commands, because `npm test` must take less than ten minutes. The last two are `npm run test:postgres` and
// `npm run test:dynamodb`. A command line that names files runs what it names.
const namesFiles = process.argv
  .slice(2)
  .some((word) => !word.startsWith('-') && !['run', 'list', 'runner'].includes(word))
const ownTests = namesFiles
  ? []
  : [...applicationTests, ...repositoryTests, 'test/postgres/**', ...dynamodbTests]
// The ORMs are installed by `npm run test:orms` only.
const hasOrms = existsSync('test/orms/generated')
if (!hasOrms) console.log('left out, because only `npm run test:orms` installs the ORMs: test/orms/**')
const testsWithoutStore = [
  ...(runsOn('postgres') ? [] : postgresTests),
  ...(stores.some(({ name }) => name.startsWith('pg-pgbouncer')) ? [] : poolerTests),
  ...(stores.some(({ emulator }) => emulator && isMissing(emulator) === undefined) ? [] : dynamodbTests),
  ...(stores.some(({ name }) => name === 'dynoxide') ? [] : dynoxideTests),
  ...(stores.some(({ name }) => ['pg', 'dynoxide', 'dynamodb-local'].includes(name))
    ? []
    : severalProcessTests),
]
if (testsWithoutStore.length > 0)
  console.log(`left out, because STORES names no store that they test: ${testsWithoutStore.join(', ')}`)

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['test/**/*.test.ts', 'packages/*/test/**/*.test.{ts,tsx}'],
    exclude: [
      ...configDefaults.exclude,
      ...longTests,
      ...ownTests,
      ...(hasOrms ? [] : ['test/orms/**']),
      ...testsWithoutStore,
    ],
    globalSetup: ['test/postgres-servers.ts'],
    reporters: ['default', './test/skip-reporter.ts'],
    testTimeout: 60_000,
    // The default of one second is too short on a busy machine.
    expect: { poll: { timeout: 30_000 } },
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    maxWorkers: 2,
    execArgv: quietly,
  },
})
