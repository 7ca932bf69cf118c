using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Holdfast.DependencyInjection;

/// <summary>What the options leave open comes from the container: loggers, the clock, the serializer.</summary>
internal sealed class ServicesFromContainer(IServiceProvider services) : IPostConfigureOptions<HoldfastOptions>
{
    public void PostConfigure(string? name, HoldfastOptions options)
    {
        options.LoggerFactory ??= services.GetService<ILoggerFactory>();
        options.TimeProvider ??= services.GetService<TimeProvider>();
        options.Serializer ??= services.GetService<IHoldfastSerializer>();
    }
}
