/**
 * Creates the two roles of a secure installation: an owner of the tables that is no superuser, and a role of the
 * application that owns nothing.
 */
import { randomUUID } from 'node:crypto'
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'

export interface ApplicationRole {
  readonly name: string
  /** The URLs of the same database for the application and for the owner of the tables. */
  readonly url: string
  readonly ownerUrl: string
  /** Creates the tables as the owner, and grants the application what it needs. */
  createTables(schema: string): Promise<void>
  /** Drops the roles. Call it after the database was dropped. */
  drop(serverUrl: string | undefined): Promise<void>
}

/** Creates the roles in the cluster of a database. `url` must connect as a superuser. */
export async function createApplicationRole(url: string): Promise<ApplicationRole> {
  const suffix = randomUUID().replaceAll('-', '')
  const [name, owner] = [`application_${suffix}`, `owner_${suffix}`]
  await run(
    url,
    `create role ${owner} login password 'secret'; create role ${name} login password 'secret';
     do $$ begin execute format('grant create on database %I to ${owner}', current_database()); end $$`,
  )
  const ownerUrl = urlOf(url, owner)
  return {
    name,
    url: urlOf(url, name),
    ownerUrl,
    async createTables(schema) {
      const store = postgresStore(ownerUrl, { schema })
      await store.schema.create()
      await store.close()
      await run(ownerUrl, store.schema.grantSql(name))
    },
    drop: (serverUrl) => run(String(serverUrl), `drop role ${name}, ${owner}`),
  }
}

function urlOf(url: string, role: string): string {
  const changed = new URL(url)
  changed.username = role
  changed.password = 'secret'
  return changed.href
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}
