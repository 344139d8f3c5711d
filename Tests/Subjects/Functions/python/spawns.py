"""Python begun anew loads what stands for the main program."""
import multiprocessing


def square(number, answer):
    answer.send(number * number)


def handler(event, context):
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=square, args=(7, there))
    process.start()
    process.join()
    return [process.exitcode, here.recv()]
