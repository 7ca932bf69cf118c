using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>An application in production, unless it is told otherwise.</summary>
internal sealed class ProductionEnvironment : IHostEnvironment
{
    public string EnvironmentName { get; set; } = Environments.Production;

    public string ApplicationName { get; set; } = "tests";

    public string ContentRootPath { get; set; } = "";

    public IFileProvider ContentRootFileProvider { get; set; } = null!;
}
