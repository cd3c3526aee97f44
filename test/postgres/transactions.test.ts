/** `store.inTransaction(…)` on every driver. `npm run test:orms` runs the same cases on the other ORMs. */
import { describeTransactions } from './transaction-cases.ts'
import { drivers } from './transaction-drivers.ts'

describeTransactions(drivers)
