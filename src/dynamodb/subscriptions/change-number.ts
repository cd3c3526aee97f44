/**
 * The change number of all subscriptions of a table: one item, whose number rises after each change that workers must
 * notice. A process reads it with each heartbeat, and reads its subscriptions only if the number has changed. The read is
 * eventually consistent: a process may hear of a change one heartbeat later.
 *
 * A process may die after it has changed a subscription and before it has raised the number. The other processes then notice the
 * change when they next read their subscriptions for another reason, see heartbeat.ts.
 */

import { changeNumberKey } from '../keys.ts'
import { number, numberOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'

export class ChangeNumber {
  readonly #connection: Connection
  readonly #table: string
  #raising: Promise<void> | undefined
  /** The next request to raise the number, for the calls that came while one was under way. */
  #next: Promise<void> | undefined

  constructor(connection: Connection, table: string) {
    this.#connection = connection
    this.#table = table
  }

  async read(signal: AbortSignal | undefined): Promise<number> {
    const subject = { doing: 'Keeping leases', table: this.#table, key: changeNumberKey.p.S }
    const consistency = { consistent: false }
    const [item] = await this.#connection.batchGet(subject, [changeNumberKey], consistency, signal)
    return numberOf(item, 'n') ?? 0
  }

  /**
   * Raises the number. Concurrent calls share requests. Never rejects: the change of the caller is stored already, and the
   * other processes notice it when they next read their subscriptions.
   */
  raise(): Promise<void> {
    if (this.#raising === undefined) {
      this.#raising = this.#send().finally(() => {
        this.#raising = undefined
      })
      return this.#raising
    }
    this.#next ??= this.#raising.then(() => {
      this.#next = undefined
      return this.raise()
    })
    return this.#next
  }

  async #send(): Promise<void> {
    const subject = { doing: 'Reporting a change', table: this.#table, key: changeNumberKey.p.S }
    const input = {
      Key: changeNumberKey,
      UpdateExpression: 'ADD n :one',
      ExpressionAttributeValues: { ':one': number(1) },
    }
    await this.#connection.write(subject, 'UpdateItem', input).catch(() => {})
  }
}
