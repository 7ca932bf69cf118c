namespace Holdfast.Interop;

/// <summary>
/// Turns the reply of a request that succeeded into what the verb returns. A struct, so that a call needs neither a
/// delegate nor a closure, whether it completes at once or later.
/// </summary>
/// <typeparam name="TResult">What the verb returns.</typeparam>
internal interface IReplyReader<TResult>
{
    /// <summary>Whether the reader may keep <see cref="Reply.Array"/> as its result.</summary>
    static virtual bool KeepsArray => false;

    TResult Read(in Reply reply);
}
