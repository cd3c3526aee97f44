/** Checks the result of an earlier check from which another one resumes. It may come from a file. */
import { checkBoolean, checkInteger } from '../input/checks.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { CheckOptions, CheckResult, FailedExample, StoredKind } from './check-result.ts'

/** Returns a copy, which nobody can change after the check. @throws InvalidInputError */
export function resumable(given: CheckResult, { after, sample }: CheckOptions = {}): CheckResult {
  return readSafely('resume', given, () => {
    if (after !== undefined) refuse('resume', 'must not be given with after', given)
    if (sample !== undefined) refuse('resume', 'must not be given with sample', given)
    const resume = structuredClone(given)
    checkObject(resume, 'resume')
    if (resume.isSample !== false)
      refuse('resume.isSample', 'must be false: a sample cannot be resumed', resume.isSample)
    for (const name of ['events', 'failed', 'unlisted', 'after'] as const)
      checkInteger(resume[name], `resume.${name}`, 0)
    checkInteger(resume.position, 'resume.position', resume.after)
    checkArray(resume.stored, 'resume.stored')
    for (const [index, kind] of resume.stored.entries()) checkKind(kind, `resume.stored[${index}]`)
    return resume
  })
}

function checkKind(kind: StoredKind, field: string): void {
  checkObject(kind, field)
  checkString(kind.type, `${field}.type`)
  checkBoolean(kind.isKnown, `${field}.isKnown`)
  for (const name of ['schemaVersion', 'events', 'failed'] as const)
    checkInteger(kind[name], `${field}.${name}`, 0)
  checkArray(kind.today, `${field}.today`)
  for (const [index, type] of kind.today.entries()) checkString(type, `${field}.today[${index}]`)
  checkArray(kind.examples, `${field}.examples`)
  for (const [index, example] of kind.examples.entries()) checkExample(example, `${field}.examples[${index}]`)
}

function checkExample(example: FailedExample, field: string): void {
  checkObject(example, field)
  for (const name of ['position', 'version'] as const) checkInteger(example[name], `${field}.${name}`, 0)
  for (const name of ['streamId', 'message'] as const) checkString(example[name], `${field}.${name}`)
}

function checkObject(value: unknown, field: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse(field, 'must be the result of an earlier check', value)
}

function checkArray(value: unknown, field: string): void {
  if (!Array.isArray(value)) refuse(field, 'must be an array', value)
}

function checkString(value: unknown, field: string): void {
  if (typeof value !== 'string') refuse(field, 'must be a string', value)
}
