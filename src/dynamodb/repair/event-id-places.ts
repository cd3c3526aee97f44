/** Repairs the items of event ids and claims: of events that are lost, or that have moved. */
import { type Item, number, numberOf, textOf } from '../attributes.ts'
import type { Key } from '../keys.ts'
import { commitNameOf } from '../slot-item.ts'
import { type RepairEnvironment, repairing } from './repair-environment.ts'
import { scan } from './scan.ts'

/** Frees the ids of lost events, so that they can be used again, and stores the new positions of moved events. */
export async function repairEventIds(environment: RepairEnvironment): Promise<void> {
  const { connection, tables, empty, progress } = environment
  const options = {
    attributes: 'p, s, #stream, v, o',
    names: { '#stream': 'stream' },
    consistent: true,
  }
  await scan(connection, tables.log, options, progress, () => async (items) => {
    for (const item of items) {
      const { p } = item as Key
      const position = numberOf(item, 'o')
      if (!p.S.startsWith('I#') || position === undefined || !empty.mayHave(position)) continue
      await repairOne(environment, item, position)
    }
  })
}

async function repairOne(
  { connection, tables, stored, moved, progress }: RepairEnvironment,
  item: Item,
  position: number,
): Promise<void> {
  const { p, s } = item as Key
  const streamId = textOf(item, 'stream') as string
  const version = numberOf(item, 'v') as number
  const commit = await stored.lastUpTo(streamId, version)
  const contains = (at: number) =>
    commit !== undefined && version <= commit.last && commit.firstPosition <= at && at <= commit.lastPosition
  if (contains(position)) return
  const shift = commit && moved.get(commitNameOf({ streamId, commit: commit.first }))
  const subject = repairing(tables.log, { p, s })
  if (shift !== undefined && contains(position + shift)) {
    const input = {
      Key: { p, s },
      UpdateExpression: 'SET o = :position',
      ExpressionAttributeValues: { ':position': number(position + shift) },
    }
    await connection.write(subject, 'UpdateItem', input, progress.signal)
  } else {
    await connection.write(subject, 'DeleteItem', { Key: { p, s } }, progress.signal)
  }
}
