/** `store.inTransaction(…)` inside the transactions of ORMs: the cases that every driver passes. */
import { describeTransactions } from '../postgres/transaction-cases.ts'
import { describeTransactionErrors } from '../postgres/transaction-errors.ts'
import { orms } from './orm-drivers.ts'

describeTransactions(orms)
describeTransactionErrors(orms)
