/** Reads the consumed capacity from the answers of DynamoDB. */
import type { CapacityMetric } from '../../storage/index.ts'
import { consumesCapacity, isRead } from './commands.ts'
import type { Subject } from './errors.ts'

/** Returns the input of a command that also asks for the consumed capacity, if the command has one. */
export function askingForCapacity(command: string, input: object): object {
  return consumesCapacity(command) ? { ...input, ReturnConsumedCapacity: 'TOTAL' } : input
}

interface ConsumedCapacity {
  readonly TableName?: string
  readonly CapacityUnits?: number
}

/** Returns the capacity that a request consumed in each of its tables. */
export function capacitiesOf(
  { table, key }: Subject,
  command: string,
  output: unknown,
): readonly CapacityMetric[] {
  const { ConsumedCapacity: consumed } = (output ?? {}) as {
    readonly ConsumedCapacity?: ConsumedCapacity | readonly ConsumedCapacity[]
  }
  return [consumed ?? []].flat().map(({ TableName = table, CapacityUnits = 0 }) => ({
    kind: 'capacity',
    table: TableName,
    key,
    command,
    readUnits: isRead(command) ? CapacityUnits : 0,
    writeUnits: isRead(command) ? 0 : CapacityUnits,
  }))
}
