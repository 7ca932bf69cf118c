namespace Holdfast.Tests.Embedded;

/// <summary>What an embedded node keeps in its directory.</summary>
public sealed class DataTests : IDisposable
{
    private static int s_last;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("holdfast-tests-");

    private string Folder => Path.Combine(_folder.FullName, "data");

    [Fact]
    public async Task coordination_stores_survive_their_node_and_cache_stores_do_not()
    {
        long version;
        await using (HoldfastClient client = await OpenAsync(Folder))
        {
            version = await client.PutAsync("kept", "value");
            await client.PutAsync("short", "value", new PutOptions { Ttl = TimeSpan.FromMinutes(1) });
            await client.PutAsync("gone", 1);
            await client.DeleteAsync("gone");
            await client.IncrementAsync("count", 41);
            await client.Store("pages", new HoldfastStoreOptions { Class = HoldfastStoreClass.Cache }).PutAsync("page", "text");
        }

        await using HoldfastClient again = await OpenAsync(Folder);
        Lookup<string> kept = await again.TryGetAsync<string>("kept");
        Assert.Equal(("value", version), (kept.Value, kept.Version));
        Assert.True(await again.IncrementAsync("count") is 42);
        Assert.Null(await again.GetAsync<int?>("gone"));
        Assert.True(await again.ReplaceAsync("kept", "next", version) > version);
        Assert.Null(await again.Store("pages").GetAsync<string>("page"));
        Assert.Equal("value", await again.GetAsync<string>("short"));
        await again.AdvanceClockAsync(TimeSpan.FromMinutes(1));
        Assert.Null(await again.GetAsync<string>("short"));
    }

    [Fact]
    public async Task what_was_acknowledged_survives_the_process()
    {
        (int exitCode, string output) = await ChildProcess.RunAsync(AppContext.BaseDirectory, "write-and-die", Folder);
        Assert.NotEqual(0, exitCode);
        int acknowledged = output.Split('\n').Count(static line => line.StartsWith("acknowledged", StringComparison.Ordinal));
        Assert.Equal(100, acknowledged);
        await using HoldfastClient client = await OpenAsync(Folder);
        Assert.Equal(100, await client.CountAsync());
        Assert.Equal(99, await client.GetAsync<int>("k99"));
    }

    [Fact]
    public async Task a_directory_is_of_one_process_and_of_one_node_at_a_time()
    {
        await using HoldfastClient client = await OpenAsync(Folder);
        await client.PutAsync("k", 1);
        (int exitCode, string output) = await ChildProcess.RunAsync(AppContext.BaseDirectory, "open-data", Folder);
        Assert.Equal(1, exitCode);
        Assert.Contains("StorageFailed", output, StringComparison.Ordinal);
        Assert.Contains(Folder, output, StringComparison.Ordinal);
        Assert.Contains("another process uses the directory", output, StringComparison.Ordinal);

        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => OpenAsync(Folder));
        Assert.Equal((HoldfastErrorCode.StorageFailed, HoldfastOutcome.NotApplied), (error.Code, error.Outcome));
        Assert.Equal(1, await client.GetAsync<int>("k"));
    }

    [Fact]
    public async Task what_cannot_be_a_directory_of_data_is_refused_with_its_path()
    {
        string file = Path.Combine(_folder.FullName, "file");
        await File.WriteAllTextAsync(file, "not a directory");
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => OpenAsync(file));
        Assert.Equal(HoldfastErrorCode.StorageFailed, error.Code);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);

        Directory.CreateDirectory(Folder);
        await File.WriteAllTextAsync(Path.Combine(Folder, "holdfast"), "somebody else's file of that name");
        error = await Assert.ThrowsAsync<HoldfastException>(() => OpenAsync(Folder));
        Assert.Equal(HoldfastErrorCode.StorageFailed, error.Code);
        Assert.Contains("holdfast", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_node_that_runs_keeps_its_directory_and_who_names_another_is_told()
    {
        string text = $"holdfast://embedded/s?node=data-{Environment.ProcessId}-named&data={Uri.EscapeDataString(Folder)}";
        await using HoldfastClient client = await HoldfastClient.ConnectAsync(text);
        await using HoldfastClient same = await HoldfastClient.ConnectAsync(text);
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(
            () => HoldfastClient.ConnectAsync(text, new HoldfastClientOptions { Data = Folder + "-other" }));
        Assert.Equal(HoldfastErrorCode.NodeConflict, error.Code);
        Assert.Contains(Folder, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_directory_is_nothing_for_a_client_of_servers()
    {
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(
            () => HoldfastClient.ConnectAsync("holdfast://127.0.0.1:1/s", new HoldfastClientOptions { Data = Folder }));
        Assert.Equal(HoldfastErrorCode.InvalidSetting, error.Code);
        Assert.Contains("'data'", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static Task<HoldfastClient> OpenAsync(string folder) => HoldfastClient.ConnectAsync(
        $"holdfast://embedded/tests?node=data-{Environment.ProcessId}-{Interlocked.Increment(ref s_last)}&clock=manual",
        new HoldfastClientOptions { Data = folder });
}
