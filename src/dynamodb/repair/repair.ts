/**
 * Repairs tables that were restored to a point in time, or a replica of them after a failover. DynamoDB restores each
 * table, and replicates each item, by itself: a table may lack a part of a transaction that the other table has.
 *
 *     1  the counter, and the item that says how the log is divided
 *     2  slots without their commit      the commit is put back from its copy in the slot, or its positions are emptied
 *     3  slots out of order              their commits move to the end of the log
 *     4  commits without a slot          the slot is put back, or the commit moves to the end of the log
 *     5  event ids and claims            of lost commits are freed, of moved commits get the new positions
 *
 * Each step writes what a later repair understands, and the last step is taken each time. So a repair that was interrupted can
 * be called again, also if it finds no problem any more.
 */

import { listedKey, type Tables } from '../keys.ts'
import { Slots } from '../log/slots.ts'
import type { Connection } from '../requests/connection.ts'
import { moveCounter, restoreCounter, restoreEra } from './counter-repair.ts'
import { repairEventIds } from './event-id-places.ts'
import { LostCommits } from './lost-commits.ts'
import type { ProblemOf, RepairedProblem, RepairResult, TableCheckOptions, TableProblem } from './problems.ts'
import { type RepairEnvironment, repairing } from './repair-environment.ts'
import { Progress } from './scan.ts'
import { StoredCommits } from './stored-commits.ts'
import { UnlistedCommits } from './unlisted-commits.ts'
import { Verification } from './verify.ts'

/** @throws InvalidInputError if an option is not valid */
export async function repairTables(
  connection: Connection,
  tables: Tables,
  options: TableCheckOptions | undefined,
): Promise<RepairResult> {
  const progress = new Progress(options)
  const verification = new Verification(connection, tables, progress)
  await verification.run()
  const { problems, empty } = verification
  const environment: RepairEnvironment = {
    connection,
    tables,
    slots: new Slots(connection, tables, 0),
    stored: new StoredCommits(connection, tables, progress.signal),
    progress,
    empty,
  }
  if (problems.length > 0) {
    // The next process that lists the streams then reads the whole log.
    const subject = repairing(tables.events, listedKey)
    await connection.write(subject, 'DeleteItem', { Key: listedKey }, progress.signal)
  }
  const repaired = [
    ...(await repairCounter(environment, problems)),
    ...(await repairLostCommits(environment, problemsOf(problems, 'slot-without-commit'))),
    ...(await repairOrder(environment, problemsOf(problems, 'slot-out-of-order'))),
    ...(await repairUnlistedCommits(environment, problemsOf(problems, 'commit-without-slot'))),
  ]
  await repairEventIds(environment)
  const left: TableProblem[] = [...problemsOf(problems, 'incomplete-commit')]
  for (const problem of problemsOf(problems, 'missing-version')) {
    const last = (await environment.stored.lastUpTo(problem.streamId, problem.through))?.last ?? 0
    if (last >= problem.through) repaired.push({ ...problem, done: 'restored' })
    else left.push({ ...problem, version: last + 1 })
  }
  return { repaired, left }
}

function problemsOf<Kind extends TableProblem['kind']>(
  problems: readonly TableProblem[],
  kind: Kind,
): readonly ProblemOf<Kind>[] {
  return problems.filter((problem): problem is ProblemOf<Kind> => problem.kind === kind)
}

async function repairCounter(
  environment: RepairEnvironment,
  problems: readonly TableProblem[],
): Promise<readonly RepairedProblem[]> {
  const repaired: RepairedProblem[] = []
  for (const problem of problemsOf(problems, 'era-missing')) {
    await restoreEra(environment)
    repaired.push({ ...problem, done: 'restored' })
  }
  for (const problem of problemsOf(problems, 'counter-missing')) {
    await restoreCounter(environment, problem)
    repaired.push({ ...problem, done: 'restored' })
  }
  for (const problem of problemsOf(problems, 'counter-behind')) {
    await moveCounter(environment, problem)
    repaired.push({ ...problem, done: 'moved' })
  }
  return repaired
}

async function repairLostCommits(
  environment: RepairEnvironment,
  problems: readonly ProblemOf<'slot-without-commit'>[],
): Promise<readonly RepairedProblem[]> {
  const lost = new LostCommits(environment)
  const repaired: RepairedProblem[] = []
  // The versions of a stream have the order of their slots.
  for (const [slot, own] of bySlot(problems)) repaired.push(...(await lost.repair(slot, own)))
  return repaired
}

async function repairOrder(
  environment: RepairEnvironment,
  problems: readonly ProblemOf<'slot-out-of-order'>[],
): Promise<readonly RepairedProblem[]> {
  const unlisted = new UnlistedCommits(environment)
  const repaired: RepairedProblem[] = []
  for (const problem of problems) {
    await unlisted.moveSlot(problem.slot)
    repaired.push({ ...problem, done: 'moved' })
  }
  return repaired
}

async function repairUnlistedCommits(
  environment: RepairEnvironment,
  problems: readonly ProblemOf<'commit-without-slot'>[],
): Promise<readonly RepairedProblem[]> {
  const unlisted = new UnlistedCommits(environment)
  const repaired: RepairedProblem[] = []
  for (const [slot, own] of bySlot(problems)) repaired.push(...(await unlisted.repair(slot, own)))
  return repaired
}

/** Groups problems by slot. They have the order of the slots already. */
function bySlot<Problem extends { readonly slot: number }>(
  problems: readonly Problem[],
): ReadonlyMap<number, readonly Problem[]> {
  const grouped = new Map<number, Problem[]>()
  for (const problem of problems) {
    const own = grouped.get(problem.slot)
    if (own === undefined) grouped.set(problem.slot, [problem])
    else own.push(problem)
  }
  return grouped
}
