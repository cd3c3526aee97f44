/** The history of a campaign in the format of Elle, a checker of transactional consistency. */
import { expect, it } from 'vitest'
import { elleHistory } from '../../torture/elle.ts'
import type { OperationLine } from '../../torture/operation.ts'

it('has a line for each begin and end of an operation, in order of time, with the events that a read saw', () => {
  const part = { stream: 's', count: 1 }
  const operations: OperationLine[] = [
    { what: 'invoke', op: 'a.1', kind: 'append', at: 1, parts: [part] },
    { what: 'ok', op: 'a.1', at: 4, appended: [{ stream: 's', firstVersion: 1, positions: [10] }] },
    { what: 'invoke', op: 'b.1', kind: 'read', at: 2, parts: [{ stream: 's', count: 0 }] },
    { what: 'ok', op: 'b.1', at: 5, seen: [1, 0] },
    { what: 'invoke', op: 'a.2', kind: 'append-at', at: 6, parts: [part], seen: [1, 0] },
    { what: 'invoke', op: 'a.3', kind: 'append', at: 7, parts: [part] },
    { what: 'fail', op: 'a.3', at: 8, code: 'wrong-expected-version' },
  ]
  const event = { stream: 's', version: 1, position: 10, id: 'i', name: 'a.1/0' }
  expect(elleHistory({ operations, streams: new Map([['s', [event]]]) })).toEqual([
    '{:index 0, :type :invoke, :f :txn, :process 0, :time 1000, :value [[:append "s" "a.1/0"]]}',
    '{:index 1, :type :invoke, :f :txn, :process 1, :time 2000, :value [[:r "s" nil]]}',
    '{:index 2, :type :ok, :f :txn, :process 0, :time 4000, :value [[:append "s" "a.1/0"]]}',
    '{:index 3, :type :ok, :f :txn, :process 1, :time 5000, :value [[:r "s" ["a.1/0"]]]}',
    '{:index 4, :type :invoke, :f :txn, :process 2, :time 6000, :value [[:append "s" "a.2/0"]]}',
    '{:index 5, :type :info, :f :txn, :process 2, :time 6000, :value [[:append "s" "a.2/0"]]}',
    '{:index 6, :type :invoke, :f :txn, :process 3, :time 7000, :value [[:append "s" "a.3/0"]]}',
    '{:index 7, :type :fail, :f :txn, :process 3, :time 7000, :value [[:append "s" "a.3/0"]]}',
  ])
})
