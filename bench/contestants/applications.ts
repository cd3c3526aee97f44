/** The view of a log of loan applications: for each application its steps, its amount and its clerks. */

export interface Application {
  readonly steps: number
  readonly last: string
  readonly amount: number
  readonly clerks: readonly string[]
}

interface StepData {
  readonly 'org:resource'?: string
  readonly case?: { readonly AMOUNT_REQ?: string }
}

export const emptyApplication = (): Application => ({ steps: 0, last: '', amount: 0, clerks: [] })

export function evolveApplication(before: Application, type: string, data: unknown): Application {
  const { 'org:resource': clerk, case: about } = data as StepData
  const isNew = clerk !== undefined && !before.clerks.includes(clerk)
  return {
    steps: before.steps + 1,
    last: type,
    amount: Number(about?.AMOUNT_REQ ?? before.amount),
    clerks: isNew ? [...before.clerks, clerk] : before.clerks,
  }
}
