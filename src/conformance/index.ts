/**
 * `@eventsourced/core/conformance`: the specification of a store, as cases that run in any test runner. Each case is a
 * sentence whose subject is the store, and the code that checks it. Skip a case if your store lacks one of its `needs`.
 *
 *     for (const { group, name, needs, run } of conformanceCases) {
 *       test(`${group}: ${name}`, () => run(contextOfMyStore()))
 *     }
 */
import { abortCases } from './abort.ts'
import { absentCases } from './absent.ts'
import { appendCases } from './append.ts'
import { appendAllCases } from './append-all.ts'
import { atOnceCases } from './at-once.ts'
import { auditCases } from './audit.ts'
import type { ConformanceCase } from './case.ts'
import { catalogueCheckCases } from './catalogue-check.ts'
import { catalogueCommandCases } from './catalogue-commands.ts'
import { catalogueMadeCases } from './catalogue-made.ts'
import { catalogueOutdatedCases } from './catalogue-outdated.ts'
import { catalogueProjectionCases } from './catalogue-projections.ts'
import { catalogueReadCases } from './catalogue-reads.ts'
import { catalogueSubscriptionCases } from './catalogue-subscriptions.ts'
import { catalogueWatchCases } from './catalogue-watches.ts'
import { catalogueWriteCases } from './catalogue-writes.ts'
import { changedEventCases } from './changed-events.ts'
import { closeCases } from './close.ts'
import { commandIdCases } from './command-ids.ts'
import { commandAgainCases } from './commands-again.ts'
import { commandAtOnceCases } from './commands-at-once.ts'
import { expectedVersionCases } from './expected-version.ts'
import { failingHandlerCases } from './failing-handlers.ts'
import { feedCases } from './feed.ts'
import { findEventCases } from './find-event.ts'
import { followCases } from './follow.ts'
import { frontierCases } from './frontier.ts'
import { handleCases } from './handle.ts'
import { importCases } from './import.ts'
import { importAgainCases } from './import-again.ts'
import { importAheadCases } from './import-ahead.ts'
import { importRaceCases } from './import-races.ts'
import { importTimeCases } from './import-times.ts'
import { inPlaceCases } from './in-place.ts'
import { inlineCases } from './inline.ts'
import { inlineErrorCases } from './inline-errors.ts'
import { missingInlineCases } from './inline-missing.ts'
import { inlineTransactionCases } from './inline-transactions.ts'
import { inputCases } from './input.ts'
import { largestStreamCases } from './largest-streams.ts'
import { lostAnswerCases } from './lost-answers.ts'
import { manyReaderCases } from './many-readers.ts'
import { nameCases } from './names.ts'
import { observerCases } from './observer.ts'
import { observerMistakeCases } from './observer-mistakes.ts'
import { optionCases } from './options.ts'
import { payloadCases } from './payloads.ts'
import { raceCases } from './races.ts'
import { readLogCases } from './read-log.ts'
import { readStreamCases } from './read-stream.ts'
import { readsAtOnceCases } from './reads-at-once.ts'
import { rebuildCases } from './rebuild.ts'
import { repeatCases } from './repeats.ts'
import { repeatAllCases } from './repeats-all.ts'
import { reservedMetadataCases } from './reserved-metadata.ts'
import { runOnceCases } from './run-once.ts'
import { snapshotWriteCases } from './snapshot-writes.ts'
import { snapshotCases } from './snapshots.ts'
import { stateCacheCases } from './state-cache.ts'
import { streamCases } from './streams.ts'
import { subscriptionAdministrationCases } from './subscription-administration.ts'
import { subscriptionRegistryCases } from './subscription-registry.ts'
import { subscriptionStartCases } from './subscription-starts.ts'
import { subscriptionCases } from './subscriptions.ts'
import { timeCases } from './time.ts'
import { transactionCases } from './transactions.ts'
import { transferCases } from './transfers.ts'
import { untouchedCases } from './untouched.ts'
import { viewCases } from './views.ts'
import { watchCases } from './watch.ts'
import { watchEndCases } from './watch-ends.ts'
import { watchAgainCases } from './watches-again.ts'

export type {
  Capability,
  ConformanceCase,
  ConformanceContext,
  CuttingProxy,
  OpenTransaction,
} from './case.ts'
// The feed scenario, for testing your own readers of the log
export {
  checkFeed,
  type FeedEvent,
  type FeedReader,
  type FeedReport,
  type FeedScenarioOptions,
  runFeedScenario,
} from './feed-scenario.ts'

/** All cases. `${group}: ${name}` is unique among them. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...appendCases,
  ...timeCases,
  ...expectedVersionCases,
  ...raceCases,
  ...atOnceCases,
  ...appendAllCases,
  ...transferCases,
  ...repeatCases,
  ...repeatAllCases,
  ...lostAnswerCases,
  ...readStreamCases,
  ...readsAtOnceCases,
  ...readLogCases,
  ...findEventCases,
  ...followCases,
  ...feedCases,
  ...transactionCases,
  ...frontierCases,
  ...streamCases,
  ...largestStreamCases,
  ...nameCases,
  ...payloadCases,
  ...inputCases,
  ...reservedMetadataCases,
  ...optionCases,
  ...absentCases,
  ...untouchedCases,
  ...abortCases,
  ...importCases,
  ...importTimeCases,
  ...importAgainCases,
  ...importAheadCases,
  ...importRaceCases,
  ...handleCases,
  ...commandAgainCases,
  ...commandAtOnceCases,
  ...commandIdCases,
  ...stateCacheCases,
  ...inPlaceCases,
  ...snapshotCases,
  ...snapshotWriteCases,
  ...auditCases,
  ...inlineCases,
  ...inlineErrorCases,
  ...inlineTransactionCases,
  ...missingInlineCases,
  ...viewCases,
  ...watchCases,
  ...watchAgainCases,
  ...watchEndCases,
  ...rebuildCases,
  ...subscriptionCases,
  ...observerCases,
  ...observerMistakeCases,
  ...manyReaderCases,
  ...subscriptionStartCases,
  ...runOnceCases,
  ...subscriptionRegistryCases,
  ...subscriptionAdministrationCases,
  ...failingHandlerCases,
  ...changedEventCases,
  ...catalogueMadeCases,
  ...catalogueCheckCases,
  ...catalogueReadCases,
  ...catalogueCommandCases,
  ...catalogueProjectionCases,
  ...catalogueSubscriptionCases,
  ...catalogueOutdatedCases,
  ...catalogueWatchCases,
  ...catalogueWriteCases,
  ...closeCases,
]
