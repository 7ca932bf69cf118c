namespace Holdfast;

/// <summary>Tasks that have failed, made where nothing was sent.</summary>
internal static class FailedTask
{
    /// <summary>Cancelled when the failure is a cancellation, as an async method's would be; the exception is kept.</summary>
    internal static async ValueTask<TResult> Of<TResult>(Exception failure)
    {
        await ValueTask.CompletedTask.ConfigureAwait(false);
        throw failure;
    }

    /// <inheritdoc cref="Of{TResult}"/>
    internal static async ValueTask Of(Exception failure)
    {
        await ValueTask.CompletedTask.ConfigureAwait(false);
        throw failure;
    }
}
