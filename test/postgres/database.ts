/** A database of a test's own on the Postgres server of the test run, and an observer's connection to it. */
import pg from 'pg'

export interface TestDatabase {
  readonly name: string
  readonly url: string
  /** Runs one statement (or, without parameters, several) beside the store, as a superuser. */
  query<Row extends pg.QueryResultRow>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>
  drop(): Promise<void>
}

const serverUrl = 'postgres://postgres:p@localhost:54800/postgres'
let number = 0

export async function freshDatabase(): Promise<TestDatabase> {
  const name = `test_${process.pid}_${Date.now()}_${++number}`
  await onServer(`create database ${name}`)
  const url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href
  const observer = new pg.Client({ connectionString: url, application_name: 'observer' })
  observer.on('error', () => {})
  await observer.connect()
  return {
    name,
    url,
    async query<Row extends pg.QueryResultRow>(sql: string, parameters?: readonly unknown[]) {
      return (await observer.query<Row>(sql, parameters && [...parameters])).rows
    },
    async drop() {
      await observer.end()
      await onServer(`drop database if exists ${name} with (force)`)
    },
  }
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client(serverUrl)
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
