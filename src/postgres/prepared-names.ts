/**
 * Names of prepared statements on the clients of `pg`.
 *
 * A statement that the server refuses to prepare, for example because its tables are missing or the transaction is
 * aborted, leaves no name behind on the server. PgBouncer keeps the name all the same, and closes the connection of a
 * client that prepares a statement under it again. So the next try on that client takes another name.
 */

/** Fields of a `pg.Client` that its types do not declare. */
interface PreparingClient {
  readonly connection?:
    | { readonly parsedStatements?: Readonly<Record<string, string>> | undefined }
    | undefined
}

/** How often each client has failed to prepare a statement, by the name of the statement. */
const failures = new WeakMap<object, Map<string, number>>()

/** Returns the name under which the client prepares the statement, or has prepared it. */
export function preparedName(client: object, name: string): string {
  const times = failures.get(client)?.get(name)
  return times === undefined ? name : `${name}_${times}`
}

/** Must be called after each error of a statement that the client prepares under `preparedName`. */
export function noteFailure(client: object, name: string): void {
  const prepared = (client as PreparingClient).connection?.parsedStatements
  if (prepared === undefined || preparedName(client, name) in prepared) return
  const times = failures.get(client) ?? new Map<string, number>()
  failures.set(client, times.set(name, (times.get(name) ?? 0) + 1))
}
