/** Opens a store as a program does: with a catalogue, on tables that exist. */
import type { Catalogue, EventStore } from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { postgresStore } from '@eventsourced/core/postgres'
import { storeAddress } from '../src/target/store-url.ts'

/** `url`: as the command line takes it. */
export function catalogueStore(url: string, events: Catalogue): EventStore {
  const address = storeAddress(url)
  if (address.kind !== 'dynamodb') return postgresStore(address.url, { events, autoCreate: false })
  const { table, region, endpoint } = address
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  return dynamodbStore({ table, region, endpoint, credentials, events, autoCreate: false })
}
