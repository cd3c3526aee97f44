/** Serves live views of a store in a process of its own. Arguments: port, store, and where its data are. */
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { postgresStore } from '@eventsourced/core/postgres'
import { balances } from '../../src/conformance/balances.ts'
import { emulatorClient } from '../worlds/dynamodb.ts'
import { serveViews } from './serve-views.ts'

const [port, kind, place = '', table = ''] = process.argv.slice(2)
const options = { inline: [balances] }
const store =
  kind === 'pg'
    ? postgresStore(place, options)
    : dynamodbStore({ client: emulatorClient(place), table, ...options })
await serveViews(store, Number(port))
process.send?.('listening')
