/** Repairs the counter, and the item that says how the log is divided. */
import type { ProjectionMode } from '../../storage/index.ts'
import { counterKey, eraKey, type Key } from '../keys.ts'
import { counterOf, inlineText } from '../log/slots.ts'
import { number, numberOf, text, textOf } from '../requests/attributes.ts'
import { firstEra } from '../tables/tables.ts'
import { type RepairEnvironment, repairing } from './repair-environment.ts'
import { scan } from './scan.ts'

interface LastPlace {
  readonly slot: number
  readonly position: number
}

/** Moves the counter forward, never back. */
export async function moveCounter(
  { connection, tables, progress }: RepairEnvironment,
  { slot, position }: LastPlace,
): Promise<void> {
  const subject = repairing(tables.log, counterKey)
  const counter = counterOf(await connection.get(subject, counterKey, progress.signal))
  const input = {
    Key: counterKey,
    UpdateExpression: 'SET n = :slot, c = :position',
    ExpressionAttributeValues: {
      ':slot': number(Math.max(slot, counter.slot)),
      ':position': number(Math.max(position, counter.position)),
    },
  }
  await connection.write(subject, 'UpdateItem', input, progress.signal)
}

/** Puts a lost counter again, with the inline projections that are registered. */
export async function restoreCounter(
  environment: RepairEnvironment,
  { slot, position }: LastPlace,
): Promise<void> {
  const { connection, tables, progress } = environment
  let stored = text('[]')
  const options = { attributes: 'p, s, v, n, m', consistent: true }
  await scan(connection, tables.log, options, progress, () => (items) => {
    for (const item of items) {
      const { p } = item as Key
      if (!p.S.startsWith('V#')) continue
      const projection = {
        name: p.S.slice(2),
        version: numberOf(item, 'v') as number,
        generation: numberOf(item, 'n') as number,
        mode: textOf(item, 'm') as ProjectionMode,
      }
      stored = text(inlineText(counterOf({ i: stored }).inline, projection))
    }
  })
  const item = { ...counterKey, n: number(slot), c: number(position), i: stored }
  await connection.write(repairing(tables.log, counterKey), 'PutItem', { Item: item }, progress.signal)
}

export async function restoreEra({ connection, tables, progress }: RepairEnvironment): Promise<void> {
  await connection.write(repairing(tables.log, eraKey), 'PutItem', { Item: firstEra }, progress.signal)
}
