/** What the commands of DynamoDB do. */
const itemReads = new Set(['GetItem', 'Query', 'Scan', 'BatchGetItem'])
const itemWrites = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'TransactWriteItems', 'BatchWriteItem'])

/** Whether a command changes nothing. */
export const isRead = (command: string): boolean => itemReads.has(command) || command.startsWith('Describe')

/** Whether a command consumes read or write capacity. */
export const consumesCapacity = (command: string): boolean =>
  itemReads.has(command) || itemWrites.has(command)
