import { defineConfig } from 'vitest/config'

// Tests run the sources: the package's own subpaths resolve to `src` by this condition.
const conditions = ['@eventsourced/source']

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['test/**/*.test.ts', 'src/**/*.test.ts'],
    globalSetup: ['test/postgres-servers.ts'],
    reporters: ['default', './test/skip-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
