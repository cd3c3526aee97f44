/** The page of the browser test: two components that show one document, and one that shows all. */

import { createElement, Fragment, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { useDocuments, useView } from '../src/index.ts'

interface Balance {
  readonly balance: number
}

function One({ id }: { readonly id: string }) {
  const { state, status } = useView<Balance>('/live?key=a', { initial: { balance: -1 } })
  return createElement('p', { id, 'data-status': status }, String(state?.balance))
}

function All() {
  const { documents } = useDocuments<Balance>('/live?prefix=')
  const text = documents.map(({ key, state }) => `${key} ${state.balance}`).join(', ')
  return createElement('p', { id: 'all' }, text)
}

function Refused() {
  const { status, error } = useView('/nothing')
  return createElement('p', { id: 'refused', 'data-status': status }, error?.code ?? '')
}

const page = createElement(
  Fragment,
  null,
  createElement(One, { id: 'one' }),
  createElement(One, { id: 'other' }),
  createElement(All),
  createElement(Refused),
)
const root = document.getElementById('root')
if (root !== null) createRoot(root).render(createElement(StrictMode, null, page))
