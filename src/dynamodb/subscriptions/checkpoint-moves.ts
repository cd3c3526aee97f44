/** Moves the checkpoints of a subscription in the transaction of a rebuild. */
import { randomUUID } from 'node:crypto'
import type { SubscriptionDefinition } from '../../storage/index.ts'
import { headerKey } from '../keys.ts'
import { number, text } from '../requests/attributes.ts'
import { updateOf } from '../requests/item-update.ts'
import type { Part } from '../requests/writer.ts'
import { checkpointItem, moveUpdate } from './checkpoint.ts'
import { deleteParked } from './parked-deletion.ts'
import { partOf } from './subscription-change.ts'
import { definitionText, newHeaderItem } from './subscription-items.ts'
import {
  type DynamodbSubscriptionRegistry,
  putNamePart,
  putPart,
  type RegistryParts,
} from './subscription-registry.ts'

/**
 * Parts of a transaction of a rebuild: register the subscription or give it this definition, move all checkpoints to
 * a position, end their leases, and void the events parked up to it.
 */
export async function moveCheckpointParts(
  parts: RegistryParts,
  registry: DynamodbSubscriptionRegistry,
  name: string,
  definition: SubscriptionDefinition,
  position: number,
  signal?: AbortSignal,
): Promise<Part[]> {
  const { items, table } = parts
  const header = await registry.header(name, signal)
  if (header === undefined) return registerParts(table, name, definition, position)
  const { place, voidUpTo, revision } = header
  const where = { rev: number(revision), name: text(name), id: undefined }
  const stored = await items.read(place, { consistent: true }, signal)
  // These events are void already. If the position is before them, their records would count again.
  const { UpdateExpression: _, ...condition } = updateOf(headerKey(place), { where })
  const guard = partOf(name, { ConditionCheck: { TableName: table, ...condition } })
  await deleteParked(parts, place, { after: -1, upTo: voidUpTo }, guard, signal)
  const update = updateOf(headerKey(place), {
    set: { def: definitionText(definition), u: number(position) },
    add: { rev: number(1), asks: number(1) },
    remove: ['skip'],
    where,
  })
  const moves = (stored?.checkpoints ?? []).map((one) => moveUpdate(table, place, one, position))
  return [{ TableName: table, ...update }, ...moves].map((one) => partOf(name, { Update: one }))
}

function registerParts(
  table: string,
  name: string,
  definition: SubscriptionDefinition,
  position: number,
): Part[] {
  const place = randomUUID()
  const numbers = Array.from({ length: definition.partitions }, (_, partition) => partition)
  return [
    putNamePart(table, name, place),
    putPart(table, name, newHeaderItem(name, place, definition, 1)),
    ...numbers.map((partition) => putPart(table, name, checkpointItem(place, 1, { partition, position }))),
  ]
}
