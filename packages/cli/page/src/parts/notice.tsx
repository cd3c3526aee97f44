/** Says what an action has done. Screen readers hear it. */
export function Notice({ text }: { readonly text: string | undefined }) {
  return (
    <p class={text ? 'notice' : 'hidden'} role="status">
      {text}
    </p>
  )
}
