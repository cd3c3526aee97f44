/** Reads the URL of a store: which database it names, and a form of it that is safe to print. */
import { wrongUsage } from '../failure.ts'

/** Where a store is. */
export type StoreAddress = PostgresAddress | PgliteAddress | DynamodbAddress

interface PostgresAddress {
  readonly kind: 'postgres'
  /** With the password. Never print it. */
  readonly url: string
  readonly schema: string | undefined
  /** Without a password. */
  readonly shown: string
}

interface PgliteAddress {
  readonly kind: 'pglite'
  readonly url: string
  readonly schema: string | undefined
  readonly shown: string
}

interface DynamodbAddress {
  readonly kind: 'dynamodb'
  readonly region: string
  readonly table: string
  readonly endpoint: string | undefined
  readonly shown: string
}

const forms = [
  'postgres://user:password@host:5432/database',
  'postgres://host/database?schema=events',
  'pglite:./folder',
  'dynamodb://eu-central-1/table',
  'dynamodb://local/table?endpoint=http://localhost:8000',
]

/**
 * Reads a URL. A `schema` among the parameters of a Postgres URL names the schema of the store.
 * @throws CommandFailure if the URL has none of the known forms
 */
export function storeAddress(url: string): StoreAddress {
  if (url.startsWith('pglite:')) return pgliteAddress(url)
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol === 'postgres:' || parsed?.protocol === 'postgresql:') return postgresAddress(parsed)
  if (parsed?.protocol === 'dynamodb:') return dynamodbAddress(parsed)
  throw wrongUsage(
    `'${withoutSecrets(url)}' is no URL of a store. Write one of these:\n${forms.map((form) => `  ${form}`).join('\n')}`,
  )
}

function postgresAddress(parsed: URL): PostgresAddress {
  const schema = parsed.searchParams.get('schema') ?? undefined
  parsed.searchParams.delete('schema')
  const shown = `${parsed.protocol}//${parsed.username === '' ? '' : `${parsed.username}@`}${parsed.host}${parsed.pathname}`
  return { kind: 'postgres', url: parsed.href, schema, shown: withSchema(shown, schema) }
}

function pgliteAddress(url: string): PgliteAddress {
  const [place = '', query] = url.split('?')
  const schema = new URLSearchParams(query).get('schema') ?? undefined
  return { kind: 'pglite', url: place, schema, shown: withSchema(place, schema) }
}

function dynamodbAddress(parsed: URL): DynamodbAddress {
  const table = decodeURIComponent(parsed.pathname.slice(1))
  if (parsed.host === '' || table === '' || table.includes('/')) {
    throw wrongUsage(
      "A DynamoDB URL names a region and a table: write 'dynamodb://eu-central-1/table', and '?endpoint=…' for an emulator",
    )
  }
  const endpoint = parsed.searchParams.get('endpoint') ?? undefined
  const at = endpoint === undefined ? '' : `?endpoint=${withoutSecrets(endpoint)}`
  return {
    kind: 'dynamodb',
    region: parsed.host,
    table,
    endpoint,
    shown: `dynamodb://${parsed.host}/${table}${at}`,
  }
}

const withSchema = (shown: string, schema: string | undefined) =>
  schema === undefined ? shown : `${shown}?schema=${schema}`

/** Removes a user's password, and the parameters, where a secret may be. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/([^/@]*)@/, (_, user: string) => `//${user.split(':')[0]}@`).replace(/\?.*$/, '')
}
