/** `store.inTransaction(…)` on every driver. `npm run test:orms` runs the same cases on the other ORMs. */
import { describeTransactions } from './transaction-cases.ts'
import { drivers } from './transaction-drivers.ts'
import { describeTransactionErrors } from './transaction-errors.ts'

describeTransactions(drivers)

// PGlite has one connection, which no other session can hold or end. postgres.js ends the process with its connection,
// and Kysely keeps a lost connection of a transaction that was begun by hand, so that its pool never ends.
const lasting = Object.entries(drivers).filter(([name]) => !/PGlite|postgres\.js|by hand/.test(name))
describeTransactionErrors(Object.fromEntries(lasting))
