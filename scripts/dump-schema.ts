/**
 * Writes src/postgres/sql/schema.sql: the schema after all migrations, which pg_dump reads from a fresh embedded Postgres.
 * With --check it writes nothing, and fails if the file is not up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { pgDump } from '@electric-sql/pglite-tools/pg_dump'
import { postgresStore } from '@eventsourced/core/postgres'

const target = 'src/postgres/sql/schema.sql'

const pglite = await PGlite.create()
await postgresStore(pglite).schema.create()
const dump = await pgDump({ pg: pglite, args: ['--schema-only', '--no-owner', '--schema=eventsourced'] })
const schema = `-- Made by scripts/dump-schema.ts: the whole schema as the migrations and functions leave it. Do not edit.

${tidy(await dump.text())}`
await pglite.close()

/** Removes lines that are not about the schema: settings of the session, and versions. */
function tidy(text: string): string {
  return text
    .replace(/^(SET|SELECT pg_catalog\.set_config).*\n/gm, '')
    .replace(/^-- (Dumped|PostgreSQL database dump).*\n/gm, '')
    .replace(/^\\(un)?restrict .*\n/gm, '')
    .replace(/^--\n(-- Name: .*)\n--\n/gm, '$1\n')
    .replace(/^--\s*\n/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
    .concat('\n')
}

if (!process.argv.includes('--check')) {
  writeFileSync(target, schema)
} else if (readFileSync(target, 'utf8') !== schema) {
  console.error(`${target} is not what the migrations and functions make: run npm run sql`)
  process.exit(1)
}
