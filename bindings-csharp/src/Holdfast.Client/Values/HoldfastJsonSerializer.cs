using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Holdfast;

/// <summary>
/// JSON by System.Text.Json, with web defaults unless told otherwise. In a trimmed or natively compiled application
/// give it the options of a source-generated <c>JsonSerializerContext</c>, or use the verbs that take a
/// <see cref="JsonTypeInfo{T}"/>.
/// </summary>
public sealed class HoldfastJsonSerializer : IHoldfastSerializer
{
    private readonly JsonSerializerOptions _options;

    /// <summary>JSON with web defaults.</summary>
    public HoldfastJsonSerializer()
        : this(WebDefaults())
    {
    }

    /// <summary>JSON with these options, which become read-only.</summary>
    /// <param name="options">The options.</param>
    public HoldfastJsonSerializer(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.TypeInfoResolver is null)
        {
            options = new JsonSerializerOptions(options) { TypeInfoResolver = DefaultResolver() };
        }

        options.MakeReadOnly();
        _options = options;
    }

    internal static HoldfastJsonSerializer Default { get; } = new();

    /// <inheritdoc/>
    public void Serialize<T>(T value, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        Write(value, destination, TypeInfo<T>());
    }

    /// <inheritdoc/>
    public T Deserialize<T>(in ReadOnlySequence<byte> source)
    {
        var reader = new Utf8JsonReader(source);
        return Read(ref reader, TypeInfo<T>());
    }

    internal static void Write<T>(T value, IBufferWriter<byte> destination, JsonTypeInfo<T> typeInfo)
    {
        using var writer = new Utf8JsonWriter(destination);
        JsonSerializer.Serialize(writer, value, typeInfo);
    }

    internal static T Read<T>(ReadOnlySpan<byte> source, JsonTypeInfo<T> typeInfo)
    {
        var reader = new Utf8JsonReader(source);
        return Read(ref reader, typeInfo);
    }

    internal T Deserialize<T>(ReadOnlySpan<byte> source) => Read(source, TypeInfo<T>());

    private static T Read<T>(ref Utf8JsonReader reader, JsonTypeInfo<T> typeInfo)
    {
        T? value = JsonSerializer.Deserialize(ref reader, typeInfo);
        return reader.Read() ? throw new JsonException("The value goes on after its JSON.") : value!;
    }

    private static JsonSerializerOptions WebDefaults() =>
        new(JsonSerializerDefaults.Web) { TypeInfoResolver = DefaultResolver() };

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Used only where reflection is enabled, which trimming turns off.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Used only where reflection is enabled, which native compilation turns off.")]
    private static IJsonTypeInfoResolver DefaultResolver() =>
        JsonSerializer.IsReflectionEnabledByDefault ? new DefaultJsonTypeInfoResolver() : JsonTypeInfoResolver.Combine();

    private JsonTypeInfo<T> TypeInfo<T>()
    {
        JsonTypeInfo? typeInfo;
        try
        {
            _options.TryGetTypeInfo(typeof(T), out typeInfo);
        }
        catch (Exception error) when (error is NotSupportedException or InvalidOperationException)
        {
            throw NoSerializer(typeof(T), error);
        }

        return typeInfo as JsonTypeInfo<T> ?? throw NoSerializer(typeof(T), null);
    }

    private static HoldfastException NoSerializer(Type type, Exception? cause) => new(
        HoldfastErrorCode.SerializerNotFound,
        $"No serializer is known for '{type}'. Use the overload that takes a JsonTypeInfo<{type.Name}>, or give the client "
        + "a Serializer: new HoldfastJsonSerializer(options) with the options of a JsonSerializerContext that knows the type.",
        innerException: cause);
}
